// The argument `body` → the bytes of a request: JSON, forms, forms with files, text, bytes.
import { randomBytes } from 'node:crypto';
import type { BodyPlan, FieldPlan, Style } from './model';
import { encode, formPairs, ValueFault } from './serialize';

export interface Payload {
  contentType: string;
  bytes: Buffer;
}

/** @throws ValueFault */
export function payloadOf({ kind, contentType, fields }: BodyPlan, value: unknown): Payload {
  if (kind === 'json') return { contentType, bytes: Buffer.from(JSON.stringify(value)) };
  if (kind === 'form') return { contentType, bytes: Buffer.from(formText(membersOf(value), fields)) };
  if (kind === 'multipart') return multipart(membersOf(value), fields);
  if (typeof value !== 'string') throw new ValueFault('must be a text', '/body');
  return { contentType, bytes: kind === 'text' ? Buffer.from(value) : base64(value, '/body') };
}

type Members = [name: string, value: unknown][];

function membersOf(value: unknown): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ValueFault('must be an object', '/body');
  return Object.entries(value).filter(([, each]) => each !== undefined && each !== null);
}

function fieldOf(fields: BodyPlan['fields'], name: string): FieldPlan | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** Objects without a style are JSON texts (Encoding Object, `contentType`: application/json for objects). */
function formText(members: Members, fields: BodyPlan['fields']): string {
  return members
    .flatMap(([name, value]) => {
      const field = fieldOf(fields, name);
      const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
      const wantsJson = field?.contentType?.includes('json') ?? (isObject && !field?.style);
      if (wantsJson) return [`${encode(name)}=${encode(JSON.stringify(value))}`];
      const style: Style = field?.style ?? 'form';
      const explode = field?.explode ?? (style === 'form' || style === 'deepObject');
      return formPairs(name, value, style, explode, encode).map(([key, each]) => `${key}=${each}`);
    })
    .join('&');
}

/** RFC 7578. */
function multipart(members: Members, fields: BodyPlan['fields']): Payload {
  const boundary = `mcphub-${randomBytes(18).toString('hex')}`;
  const chunks: Buffer[] = [];
  const add = (name: string, head: string, bytes: Buffer) => {
    const text = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name)}"${head}\r\n\r\n`;
    chunks.push(Buffer.from(text), bytes, Buffer.from('\r\n'));
  };
  for (const [name, value] of members) {
    const field = fieldOf(fields, name);
    for (const [at, item] of (Array.isArray(value) ? value : [value]).entries()) {
      const pointer = Array.isArray(value) ? `/body/${name}/${at}` : `/body/${name}`;
      if (field?.file) addFile(add, name, item, field, pointer);
      else if (typeof item === 'object' && item !== null) {
        add(name, '\r\nContent-Type: application/json', Buffer.from(JSON.stringify(item)));
      } else {
        const type = field?.contentType ? `\r\nContent-Type: ${field.contentType}` : '';
        add(name, type, Buffer.from(field?.contentType?.includes('json') ? JSON.stringify(item) : String(item)));
      }
    }
  }
  chunks.push(Buffer.from(`--${boundary}--\r\n`));
  return { contentType: `multipart/form-data; boundary=${boundary}`, bytes: Buffer.concat(chunks) };
}

function addFile(
  add: (name: string, head: string, bytes: Buffer) => void,
  name: string,
  value: unknown,
  field: FieldPlan,
  pointer: string,
): void {
  const { data, fileName, contentType } = (value ?? {}) as Record<string, unknown>;
  if (typeof data !== 'string') throw new ValueFault('must be a text in base64', `${pointer}/data`);
  const type = typeof contentType === 'string' ? contentType : (field.contentType ?? 'application/octet-stream');
  if (!/^[\w.+-]+\/[\w.+-]+(; ?[\w-]+=[\w.-]+)*$/.test(type)) {
    throw new ValueFault('must be a media type such as image/png', `${pointer}/contentType`);
  }
  const head = `; filename="${quoted(typeof fileName === 'string' ? fileName : 'file')}"\r\nContent-Type: ${type}`;
  add(name, head, base64(data, `${pointer}/data`));
}

/** As browsers write it: what would end the quotes or the line is percent-encoded (HTML, multipart/form-data). */
function quoted(text: string): string {
  return text.replace(/["\r\n]/g, (char) => encode(char)).slice(0, 512);
}

function base64(text: string, pointer: string): Buffer {
  const plain = text.replace(/^data:[^,]{0,200};base64,/, '').replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(plain)) throw new ValueFault('must be base64', pointer);
  return Buffer.from(plain, 'base64');
}
