// A tool in one line, as a model reads it at a glance: `move_file(source: string, destination: string, force?: boolean)`.
import type { Definition } from '../../../lib/servers/catalog';

const parametersMax = 24;
const choicesMax = 6;

export function signatureOf(id: string, { inputSchema }: Definition): string {
  const { properties, required } = objectOf(inputSchema);
  const needed = new Set(Array.isArray(required) ? required : []);
  const all = Object.entries(objectOf(properties));
  // What is needed first, so that cutting a long list leaves it in.
  const ordered = [...all.filter(([name]) => needed.has(name)), ...all.filter(([name]) => !needed.has(name))];
  const shown = ordered
    .slice(0, parametersMax)
    .map(([name, schema]) => `${name}${needed.has(name) ? '' : '?'}: ${typeOf(schema)}`);
  if (ordered.length > parametersMax) shown.push('…');
  return `${id}(${shown.join(', ')})`;
}

function typeOf(schema: unknown): string {
  const { type, enum: choices, const: only, items, anyOf, oneOf } = objectOf(schema);
  if (only !== undefined) return JSON.stringify(only);
  if (Array.isArray(choices)) {
    const shown = choices.slice(0, choicesMax).map((choice) => JSON.stringify(choice));
    return [...shown, ...(choices.length > choicesMax ? ['…'] : [])].join(' | ');
  }
  if (type === 'array') return `${typeOf(items)}[]`;
  if (Array.isArray(type)) return type.join(' | ');
  if (typeof type === 'string') return type;
  const among = Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : [];
  return among.length > 0 ? [...new Set(among.slice(0, choicesMax).map(typeOf))].join(' | ') : 'any';
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
