// A process that records a call every few milliseconds until it is killed, and says so each time.
import { setInterval } from 'node:timers';
import { openDatabase } from '../../../lib/db';
import { createLog } from '../../../lib/log';
import { createCallLog } from '../../../lib/telemetry';

const { url, socketDir } = JSON.parse(process.argv[2] ?? '{}') as { url?: string; socketDir: string };
const log = createLog('writer', 'silent');
const { db } = await openDatabase({ ...(url && { url }), socketDir, log });
const calls = createCallLog(db, log);
let number = 0;
setInterval(() => {
  number++;
  calls.record({
    at: new Date(),
    requestId: `writer-${number}`,
    actor: 'writer',
    endpoint: '/api/mcp',
    outcome: 'ok',
    durationMs: number,
    requestBytes: 1,
    responseBytes: 1,
  });
  process.send?.(number);
}, 4);
