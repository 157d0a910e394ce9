// What a program printed last is part of its log: shown with its state to those alone who may read that log.
import type { ServerStatus } from './schema';

/** Begins the part of a message that quotes the program. */
export const quoteOfStderr = ' Last line of stderr: ';

/** A message without what it quotes of the program. */
export function withoutQuote(message: string): string {
  const at = message.indexOf(quoteOfStderr);
  return at === -1 ? message : message.slice(0, at);
}

/** Whether a state holds something that the program printed. */
export function quotesOutput({ message, lastExit, instances = [] }: ServerStatus): boolean {
  return Boolean(
    lastExit?.stderr?.length ||
      lastExit?.message.includes(quoteOfStderr) ||
      message?.includes(quoteOfStderr) ||
      instances.some((each) => each.message?.includes(quoteOfStderr)),
  );
}

/** The state for somebody who may see the server and not its log. */
export function withoutOutput(status: ServerStatus): ServerStatus {
  if (!quotesOutput(status)) return status;
  const { lastExit } = status;
  const { stderr: _stderr, ...exit } = lastExit ?? { at: '', reason: '', message: '' };
  return {
    ...status,
    message: status.message && withoutQuote(status.message),
    lastExit: lastExit && { ...exit, message: withoutQuote(exit.message) },
    instances: status.instances.map((each) => ({ ...each, message: each.message && withoutQuote(each.message) })),
  };
}
