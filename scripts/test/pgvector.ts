// A Postgres with pgvector for the tests of vectors: the system's where it has the extension, else the programs that the
// Python package pgserver carries, by the pip of this machine. Nothing is installed: the Postgres of all other tests stays
// as it is.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, type Part, postgresFolders, startPostgres } from './services';

/** Postgres 16.2 with pgvector 0.6.2, for Linux on x86-64. */
const pack = {
  name: 'pgserver',
  version: '0.1.4',
  sha256: 'd595789b47624a3d963aa9aa6359da9be31beb7e61f1a45541953242068b8813',
  platform: 'manylinux2014_x86_64',
  python: '3.11',
};
const downloadMs = 120_000;

export async function providePgvector(given: string | undefined): Promise<Part> {
  if (given) return { value: given, stop: async () => {} };
  const own = postgresFolders().find((bin) => existsSync(join(sharedFolder(bin), 'extension/vector.control')));
  if (own) return startPostgres(join(own, 'postgres'));
  const unpacked = unpack();
  if ('missing' in unpacked) return unpacked;
  const remove = () => rmSync(unpacked.dir, { recursive: true, force: true });
  process.once('exit', remove);
  const part = await startPostgres(unpacked.program);
  if ('missing' in part) return part;
  return {
    value: part.value,
    async stop() {
      await part.stop();
      process.off('exit', remove);
      remove();
    },
  };
}

/** Debian's, /usr/lib/postgresql/15/bin → /usr/share/postgresql/15. */
function sharedFolder(bin: string): string {
  return join(bin.replace('/lib/', '/share/'), '..');
}

/** Downloads and unpacks the package into a temporary folder that every user may read. */
function unpack(): { dir: string; program: string } | { missing: string } {
  const why = 'no Postgres with pgvector found (Debian 13: apt-get install postgresql-17-pgvector)';
  if (process.platform !== 'linux' || process.arch !== 'x64') return { missing: why };
  const python = findProgram('python3', []);
  if (!python) return { missing: `${why}, and no python3 to get one with` };
  const dir = mkdtempSync(join(tmpdir(), 'mcphub-pgvector-'));
  chmodSync(dir, 0o755);
  const list = join(dir, 'requirements.txt');
  writeFileSync(list, `${pack.name}==${pack.version} --hash=sha256:${pack.sha256}\n`);
  const only = ['--python-version', pack.python, '--platform', pack.platform, '--implementation', 'cp'];
  const options = { cwd: dir, stdio: 'pipe', timeout: downloadMs } as const;
  try {
    const download = ['download', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes', ...only];
    execFileSync(python, ['-m', 'pip', ...download, '--dest', dir, '--requirement', list], options);
    const wheel = readdirSync(dir).find((name) => name.endsWith('.whl')) ?? '';
    const target = join(dir, 'programs');
    mkdirSync(target);
    execFileSync(python, ['-m', 'zipfile', '-e', join(dir, wheel), target], options);
    const bin = join(target, 'pgserver/pginstall/bin');
    // That way of unpacking forgets which files are programs.
    for (const name of readdirSync(bin)) chmodSync(join(bin, name), 0o755);
    return { dir, program: join(bin, 'postgres') };
  } catch (error) {
    rmSync(dir, { recursive: true, force: true });
    const words = String((error as { stderr?: Buffer }).stderr ?? error).trim();
    return { missing: `${why}, and pip could not get ${pack.name}: ${words.split('\n').at(-1)}` };
  }
}
