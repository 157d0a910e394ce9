// Ids of tasks. A client gets the server's own id sealed together with whose the task is and where it lives, so that
// any process with the same master key finds it again, and nobody else can use, alter or guess it. Ids of servers go
// to no client, ids of the hub to no server.
import type { Keyring } from '../../../lib/access/keyring';
import type { Actor } from '../../../lib/access/schema';
import { HubError } from '../../../lib/errors';
import type { ClientSide, Era } from '../../upstream/types';
import type { Endpoint } from '../catalog/endpoints';
import { credentialOf } from '../sessions/sessions';
import { isObject } from '../stateless/envelope';

/** An id travels in a header too; a longer one of a server is refused. */
const serverIdMaxChars = 1024;
/** An id that is found in texts by chance is no id worth hiding. */
const tellingChars = 8;
/** (2025-11-25, basic/utilities/tasks, "Related Task Metadata") */
const relatedKey = 'io.modelcontextprotocol/related-task';

export interface TaskRef {
  /** Id of the server. */
  server: string;
  /** The server's own id of the task. */
  task: string;
  /** Original name of the tool that it runs, for `can`. */
  tool: string;
  era: Era;
  /** A task of a session lives in the connection that was made for such a client, at this worker. */
  home: Pick<ClientSide, 'capabilities' | 'owner'> & { conversation?: string | undefined };
  worker: string;
}

interface Sealed {
  /** Credential. */
  c: string;
  /** Endpoint key. */
  e: string;
  t: TaskRef;
}

interface Owner {
  actor: Actor;
  endpoint: Endpoint;
}

export function createTaskIds(keyring: Pick<Keyring, 'seal' | 'open'>) {
  return {
    /** The same for the same task. */
    seal({ actor, endpoint }: Owner, task: TaskRef): string {
      const sealed: Sealed = { c: credentialOf(actor), e: endpoint.key, t: task };
      return keyring.seal('task', sealed);
    },

    /** @throws HubError NOT_FOUND, alike for what is no id, is not this caller's or is of the other kind of tasks */
    open({ actor, endpoint }: Owner, id: unknown, era: Era): TaskRef {
      const sealed = typeof id === 'string' ? (keyring.open('task', id) as Sealed | null) : null;
      const isTheirs = sealed !== null && sealed.c === credentialOf(actor) && sealed.e === endpoint.key;
      if (!isTheirs || sealed.t.era !== era) throw noTask();
      return sealed.t;
    },

    /** The worker whose connection a task lives in; undefined for what is no id. */
    workerOf(id: unknown): string | undefined {
      const sealed = typeof id === 'string' ? (keyring.open('task', id) as Sealed | null) : null;
      return sealed?.t.era === 'legacy' ? sealed.t.worker : undefined;
    },
  };
}

export type TaskIds = ReturnType<typeof createTaskIds>;

export function noTask(): HubError {
  return new HubError('NOT_FOUND', 'There is no such task here (any more).');
}

export function unasked(): HubError {
  return new HubError('UPSTREAM_BAD_ANSWER', 'The server began a task that nobody asked for.', {
    reason: 'bad-answer',
  });
}

/** A server's id of a task. @throws HubError UPSTREAM_BAD_ANSWER */
export function serverTaskId(task: Record<string, unknown>): string {
  const { taskId } = task;
  if (typeof taskId === 'string' && taskId !== '' && taskId.length <= serverIdMaxChars) return taskId;
  throw new HubError('UPSTREAM_BAD_ANSWER', 'The server began a task without a usable id.', { reason: 'bad-answer' });
}

/**
 * A copy of params, of a result or of a task that carries the other side's id: as its own `taskId`, in the task it
 * holds and in `_meta`. There, an id that is not `from` is left out, and all are where `to` is null.
 */
export function relabel(value: unknown, from: string | null, to: string | null): unknown {
  if (!isObject(value)) return value;
  const copy: Record<string, unknown> = { ...value };
  if (copy.taskId === from && to !== null) copy.taskId = to;
  if (typeof copy.statusMessage === 'string') copy.statusMessage = textWith(copy.statusMessage, from, to);
  if (isObject(copy.task)) copy.task = relabel(copy.task, from, to);
  const meta = copy._meta;
  if (!isObject(meta) || !(relatedKey in meta)) return copy;
  const { [relatedKey]: related, ...rest } = meta;
  const isSame = isObject(related) && related.taskId === from && to !== null;
  if (isSame) copy._meta = { ...rest, [relatedKey]: { ...related, taskId: to } };
  else if (Object.keys(rest).length > 0) copy._meta = rest;
  else delete copy._meta;
  return copy;
}

/** Names the task in `_meta`, as messages about a task must that have no `taskId` of their own. */
export function related(value: Record<string, unknown>, taskId: string): Record<string, unknown> {
  const meta = isObject(value._meta) ? value._meta : {};
  return { ...value, _meta: { ...meta, [relatedKey]: { taskId } } };
}

/** A server's error, with the task's id as the client knows it. */
export function relabelError(error: unknown, from: string, to: string | null): unknown {
  if (!isObject(error) || typeof error.message !== 'string') return error;
  return {
    ...error,
    message: textWith(error.message, from, to),
    ...('data' in error && { data: dataWith(error.data, from, to) }),
  };
}

function textWith(text: string, from: string | null, to: string | null): string {
  return from === null || from.length < tellingChars ? text : text.replaceAll(from, to ?? '…');
}

function dataWith(data: unknown, from: string, to: string | null): unknown {
  return JSON.parse(textWith(JSON.stringify(data), from, to)) as unknown;
}
