// A process that loads a database with mixed operations and checks that every answer is its own.
// Arguments: URL or socket folder, a name, number of operations. Prints {ok, wrong, errors} and ends.
import postgres from 'postgres';

const [target = '', name = 'A', count = '600'] = process.argv.slice(2);
const options = { max: 4, onnotice: () => {} };
const sql = target.startsWith('postgres')
  ? postgres(target, options)
  : postgres({ ...options, host: target, port: 5432, user: 'postgres', database: 'postgres' });

const first = name === 'A' ? 0 : 1_000_000; // two processes never send the same number
let next = first;
let ok = 0;
let wrong = 0;
const errors: Record<string, number> = {};

const operations: ((k: number) => Promise<number>)[] = [
  async (k) => (await sql<{ v: number }[]>`select ${k}::int as v`)[0]?.v ?? -1,
  async (k) => (await sql.unsafe<{ v: number }[]>('select $1::int as v', [k]))[0]?.v ?? -1,
  async (k) => (await sql<{ v: number }[]>`insert into mix (who, v) values (${name}, ${k}) returning v`)[0]?.v ?? -1,
  async (k) =>
    sql.begin(async (tx) => {
      await tx`insert into mix (who, v) values (${name}, ${k})`;
      return (await tx<{ v: number }[]>`select v from mix where who = ${name} and v = ${k}`)[0]?.v ?? -1;
    }),
  async (k) =>
    sql
      .begin(async (tx) => {
        await tx`insert into mix (who, v) values ('rolled back', ${k})`;
        throw Object.assign(new Error('on purpose'), { k });
      })
      .catch((error: { k?: number }) => error.k ?? -1),
  async (k) => {
    await sql`select 1 / (${k}::int - ${k}::int)`.catch(() => {});
    return k;
  },
];

async function work(): Promise<void> {
  while (next < first + Number(count)) {
    const sent = next++;
    try {
      const got = await operations[sent % operations.length]?.(sent);
      if (got === sent) ok += 1;
      else wrong += 1;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      errors[message] = (errors[message] ?? 0) + 1;
    }
  }
}

await Promise.all(Array.from({ length: 8 }, work));
await sql.end();
console.log(JSON.stringify({ ok, wrong, errors }));
