// How what is noticed of a server adds up. Pure but for the life that it changes; bounded whatever a server does.
import type { ServerLife } from '../../lib/diagnosis/schema';
import type { Observation } from '../supervisor/types';

const startsKept = 20;
const eventsKept = 50;
const questionsKept = 8;
const exitReasonsMax = 24;
const messageChars = 600;

export function emptyLife(at: string): ServerLife {
  return {
    since: at,
    at,
    starts: [],
    restarts: 0,
    exits: {},
    up: { runs: 0, totalMs: 0 },
    sessionsLost: 0,
    inVain: [],
    cancellation: { told: 0, answered: 0, at: null },
    progressAt: null,
    http: null,
    events: [],
  };
}

/** @param at RFC 3339 @param ordinal place of the instance among those of its server */
export function addTo(life: ServerLife, observation: Observation, ordinal: number, at: string): void {
  life.at = at;
  switch (observation.kind) {
    case 'moved': {
      const { state, reason, message } = observation;
      keepLast(life.events, { at, ordinal, state, reason, message: shortened(message) }, eventsKept);
      return;
    }
    case 'started': {
      const { spawnMs, firstByteMs, initializeMs } = observation;
      keepLast(life.starts, { at, spawnMs, firstByteMs, initializeMs, listedMs: null }, startsKept);
      return;
    }
    case 'listed': {
      // One listing serves all instances: it belongs to the start that is the latest.
      const last = life.starts.at(-1);
      if (last) last.listedMs ??= Math.max(observation.ms, last.initializeMs);
      return;
    }
    case 'ended': {
      const { reason, upMs } = observation;
      const isKnown = Object.hasOwn(life.exits, reason) || Object.keys(life.exits).length < exitReasonsMax;
      const name = isKnown ? reason : 'other';
      life.exits[name] = (life.exits[name] ?? 0) + 1;
      if (upMs === null) return;
      life.up.runs += 1;
      life.up.totalMs += upMs;
      return;
    }
    case 'restarted':
      life.restarts += 1;
      return;
    case 'in-vain': {
      const message = shortened(observation.message) ?? '';
      const known = life.inVain.find((each) => each.message === message);
      if (known) Object.assign(known, { at, times: known.times + 1 });
      else keepLast(life.inVain, { message, at, times: 1 }, questionsKept);
      return;
    }
    case 'session-lost':
      life.sessionsLost += 1;
      return;
    case 'cancelled':
      life.cancellation.told += 1;
      life.cancellation.at = at;
      return;
    case 'answered-cancelled':
      life.cancellation.answered += 1;
      return;
    case 'progress':
      life.progressAt = at;
      return;
    case 'http': {
      const { kind: _kind, challenge: _challenge, ...facts } = observation;
      life.http = facts;
    }
  }
}

function keepLast<T>(list: T[], item: T, most: number): void {
  list.push(item);
  if (list.length > most) list.splice(0, list.length - most);
}

function shortened(text: string | null): string | null {
  return text !== null && text.length > messageChars ? `${text.slice(0, messageChars)}…` : text;
}
