// A preload (`node --import`) for the conformance suite: its program imports globSync from fs, which Node 20 lacks, and so
// would not load. That one import is answered with node:fs and a globSync that throws; only a command that we do not use
// calls it. On newer Node this changes nothing that matters.
import { register } from 'node:module';

const moduleOf = (source) => `data:text/javascript,${encodeURIComponent(source)}`;

const fs = moduleOf(`
  export * from 'node:fs';
  export { default } from 'node:fs';
  export const globSync = () => { throw new Error('globSync does not exist here'); };
`);

register(
  moduleOf(`
    export async function resolve(specifier, context, next) {
      const isSuite = (context.parentURL ?? '').includes('/@modelcontextprotocol/conformance/dist/');
      return isSuite && specifier === 'fs' ? { url: ${JSON.stringify(fs)}, shortCircuit: true } : next(specifier, context);
    }
  `),
);
