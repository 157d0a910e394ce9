// What the hub promises when something around it fails. Cited in the titles of tests as the demands of the specification
// are; tests/integration/hub/faults.test.ts holds most of the rows about servers on a running hub.

export interface Fault {
  /** Never given to another promise later. */
  id: string;
  /** What happens. */
  fault: string;
  /** What then holds. */
  promise: string;
}

const rows = (list: [id: string, fault: string, promise: string][]): Fault[] =>
  list.map(([id, fault, promise]) => ({ id, fault, promise }));

export const faults: Fault[] = [
  ...rows([
    [
      'F-EXIT-01',
      'A program ends at its start, again and again.',
      'Tried by rising delays; reason, stderr and next attempt are shown.',
    ],
    ['F-EXIT-02', 'A program ends in good order soon after its start.', 'Started again; the exit code is shown.'],
    [
      'F-EXIT-03',
      'A program ends or is killed in a call.',
      'The call fails within a second (1007), even if a grandchild holds the pipes.',
    ],
    [
      'F-EXIT-04',
      'A program ends more than five times in two minutes.',
      '"crashed": tried slowly for ever, at once when somebody asks.',
    ],
    ['F-EXIT-05', 'A program is restarted.', 'After 1, 2, 4 … 300 s, ±20 %, from the beginning after 60 s up.'],
    [
      'F-EXIT-06',
      'A program has had its restarts of the hour.',
      '"crashed" until an hour has passed; the next attempt is shown.',
    ],
    ['F-EXIT-07', 'A configuration that could not start is corrected.', 'Tried at once.'],
    [
      'F-EXIT-08',
      'The hub is restarted while a server is in an error state.',
      'States are found out anew, never restored.',
    ],
    ['F-EXIT-09', 'A program is down.', 'Its tools stay listed from the store.'],
  ]),
  ...rows([
    ['F-HANG-01', 'A call gets no answer.', '1002, the program is told of the cancellation, the place is free.'],
    ['F-HANG-02', 'Three time-outs in a row.', 'A ping decides: without an answer the program is started anew.'],
    ['F-HANG-03', 'A program computes for ever.', 'Its own calls fail in time, the others are served.'],
  ]),
  ...rows([
    ['F-START-01', 'A program never answers "initialize".', 'Ended by the time-out; nobody waits for it.'],
    ['F-START-02', 'A program starts slowly.', 'State "starting"; lists and calls of others wait for nothing.'],
    ['F-START-03', 'A program speaks an unknown protocol version.', 'It is not used, and the version is named.'],
    [
      'F-START-04',
      'A program cannot start.',
      'Red within 2 s, with the step that failed and the last lines of stderr.',
    ],
  ]),
  ...rows([
    ['F-FLOOD-01', 'A program prints text that is no message.', 'The text is skipped, the messages count.'],
    ['F-FLOOD-02', 'A program prints without end on stdout.', 'It and the others are served; memory is bounded.'],
    ['F-FLOOD-03', 'A program prints without end on stderr.', 'As above; its log is bounded and counts what it drops.'],
    [
      'F-FLOOD-04',
      'A program reports progress as fast as it can.',
      'In order to its client; the others are answered meanwhile.',
    ],
    ['F-FLOOD-05', 'One line is over the limit.', 'Only the call that it answers fails (1004).'],
    ['F-FLOOD-06', 'One program floods.', 'p99 of calls to the others stays below 250 ms.'],
  ]),
  ...rows([
    [
      'F-ANSWER-01',
      'An answer comes twice, or with a foreign or unknown id.',
      'Each caller gets its own answer and no other.',
    ],
    ['F-ANSWER-02', 'An answer comes after its call was given up.', 'It reaches nobody.'],
    ['F-ANSWER-03', 'Answers have unknown ids only.', 'The calls time out.'],
    ['F-ANSWER-04', 'A result is no object.', 'That call fails (1004).'],
  ]),
  ...rows([
    ['F-LIST-01', 'A list holds bad items.', 'The good ones are served, the bad ones have their reasons.'],
    ['F-LIST-02', 'A list has pages without end.', 'A hundred are read; the server is shown as degraded.'],
    ['F-LIST-03', 'A list repeats a cursor.', 'It ends there; the server is shown as degraded.'],
    ['F-LIST-04', 'A list is huge.', 'A thousand items are served; the server is shown as degraded.'],
    [
      'F-LIST-05',
      'A server says all the time that its list changed.',
      'It is asked once in 5 s, after the first few times.',
    ],
  ]),
  ...rows([
    [
      'F-LIMIT-01',
      'A program takes more memory than its limit.',
      'It is stopped with the reason and started again; the worker lives.',
    ],
    ['F-LIMIT-02', 'A program takes more processor time than its limit.', 'As above.'],
    ['F-LIMIT-03', 'A program forks beyond its limit.', 'As above, and the children are gone.'],
    ['F-LIMIT-04', 'A program opens files beyond its limit.', 'It gets no more of them.'],
    ['F-LIMIT-05', 'A program runs.', 'Memory, processor and processes of its whole tree are shown.'],
  ]),
  ...rows([
    ['F-STOP-01', 'A program ignores SIGTERM.', 'Gone within 8 s.'],
    ['F-STOP-02', 'A program leaves grandchildren, also in groups and sessions of their own.', 'All gone within 8 s.'],
    ['F-STOP-03', 'An earlier life of the hub left processes.', 'A start ends them, and none of another hub.'],
    ['F-STOP-04', 'Programs end.', 'No zombie is left.'],
    [
      'F-STOP-05',
      'A server is started and stopped again and again.',
      'No process, file descriptor, timer or listener more than before.',
    ],
  ]),
  ...rows([
    ['F-HTTP-01', 'A remote server goes away.', 'Tried again by rising delays, and used again when it is back.'],
    [
      'F-HTTP-02',
      'A remote server forgot the session.',
      'New handshake at once, and the call again; decided by status, not by words.',
    ],
    [
      'F-HTTP-03',
      'A stream is silent, cut, or ends without an answer.',
      'The call fails by its silence time-out, or within 2 s.',
    ],
    [
      'F-HTTP-04',
      'An answer is too large, also after decompression, or no MCP.',
      'That call fails; memory is bounded.',
    ],
    [
      'F-HTTP-05',
      'A URL leads to a refused address, at once or when it is resolved.',
      'Never connected to; it says so.',
    ],
    ['F-HTTP-06', 'An OAuth token is refused.', 'One refresh per user and server, one repeat, then 1005.'],
  ]),
  ...rows([
    ['F-ROW-01', 'A row names a command or folder that is not there.', 'It is saved; the start says what is missing.'],
    [
      'F-ROW-02',
      'A row has a relative folder or one that climbs out of itself.',
      '400 at save time; the start refuses it again.',
    ],
    [
      'F-ROW-03',
      'A row has a URL of a metadata service in any spelling, or with credentials.',
      '400 at save time; refused at each connect.',
    ],
    [
      'F-ROW-04',
      'A row has too many or too large arguments or variables.',
      '400 at save time; the start says so again.',
    ],
    [
      'F-ROW-05',
      'Names differ in case or look-alike characters only, or are not of letters, digits, - and _.',
      '400 that names the other, 409 for an equal name; an import offers a free one.',
    ],
    [
      'F-ROW-06',
      'A row holds NUL, line breaks in names, "=" in names of variables.',
      '400 at save time; the start refuses it again.',
    ],
    [
      'F-ROW-07',
      'A bad row comes by REST, form, import or file.',
      'The same reasons everywhere, and nothing is half-saved.',
    ],
  ]),
  ...rows([
    ['F-DB-01', 'The database is away at the start.', '/healthz 200, /readyz 503 with the cause; it begins by itself.'],
    ['F-DB-02', 'The database is lost while the hub runs.', 'Calls go on, their records are kept.'],
    [
      'F-DB-03',
      'The database is killed, again and again, while rows are written.',
      'No committed row is lost, no hand is needed.',
    ],
    ['F-DB-04', 'The folder of the embedded database is in use or damaged.', 'One clear line, and the end.'],
    ['F-DB-05', 'The disk is full.', 'Calls go on, writes answer 507, logs do not loop, it heals by itself.'],
    ['F-DB-06', 'Redis is lost.', 'Memory takes over; no caller sees an error.'],
  ]),
  ...rows([
    [
      'F-HUB-01',
      'The worker is killed.',
      'Connections close at once, it serves again, sessions go on, its children are swept.',
    ],
    ['F-HUB-02', 'Web is killed.', 'MCP goes on; pages answer 503 with Retry-After and come back.'],
    ['F-HUB-03', 'The hub gets SIGTERM.', 'No new work, calls under way end, exit code 0, nothing is left.'],
    ['F-HUB-04', 'The wall clock jumps by an hour.', 'Nothing expires or restarts.'],
    ['F-HUB-05', 'A plugin throws or hangs.', 'Skipped or refused by its manifest, disabled after repeats.'],
    ['F-CLIENT-01', 'Clients leave in the middle of their calls.', 'After 1,000 of them nothing is held.'],
    ['F-CLIENT-02', 'More streams are opened than allowed.', '503 with Retry-After.'],
    ['F-CLIENT-03', 'A client does not read.', 'It is cut; memory is bounded.'],
  ]),
  ...rows([
    ['F-TRAP-01', 'Clients never send DELETE.', 'Idle sessions are freed, those in use are not.'],
    ['F-TRAP-02', 'Two callers want the same thing first.', 'It is made once.'],
    ['F-TRAP-03', 'A catalogue is refreshed.', 'Over the connection that is open.'],
    ['F-TRAP-04', 'A session is rebuilt after a restart.', 'With the capabilities that its client declared.'],
    ['F-TRAP-05', 'A call is long, and progress flows.', 'It is not cut.'],
    ['F-TRAP-06', 'Names are long, strange, or clash.', 'Legal, and the same whoever else joins.'],
    ['F-TRAP-07', 'A command such as npx is missing.', 'It says which, not "connection closed".'],
    ['F-TRAP-08', 'Calls are logged while the database is slow.', 'Nobody waits for the log.'],
    ['F-TRAP-09', 'A server is switched off.', 'Nothing reconnects it.'],
  ]),
];
