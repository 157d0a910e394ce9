// Reads the server-sent events of a response one by one, as a client does that writes its own.

export interface ServerEvent {
  event: string;
  data: string;
}

export interface EventReader {
  /** The next event that is no comment. @throws Error when the stream ended */
  next(): Promise<ServerEvent>;
  /** The next event's data as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into messages of any shape
  message(): Promise<any>;
  /** Goes away without reading on. */
  cancel(): Promise<void>;
}

export function readEvents(response: Response): EventReader {
  if (!response.body) throw new Error('the response has no body');
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';

  async function next(): Promise<ServerEvent> {
    for (;;) {
      const end = text.indexOf('\n\n');
      if (end === -1) {
        const { done, value } = await reader.read();
        if (done) throw new Error('the stream ended');
        text += value;
        continue;
      }
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = field('data');
      if (data !== undefined) return { event: field('event') ?? 'message', data };
    }
  }

  return { next, message: async () => JSON.parse((await next()).data), cancel: () => reader.cancel() };
}
