// Real documents of different shapes become tools: every operation, with a legal name and schemas that compile.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { createArgumentCheck } from '../../../../../worker/argument-check';
import { parseText } from '../../../../../worker/upstream/openapi/document';
import { readOperations } from '../../../../../worker/upstream/openapi/operations';

const require = createRequire(import.meta.url);
const examples = dirname(require.resolve('@readme/oas-examples/package.json'));
const example = (path: string) => readFileSync(join(examples, path), 'utf8');
const figma = () => readFileSync(require.resolve('@figma/rest-api-spec/openapi/openapi.yaml'), 'utf8');

/** Operations as a reader of the file would count them. */
function countOperations(text: string): number {
  const { paths = {} } = parseText(text) as { paths?: Record<string, object> };
  const methods = new Set(['get', 'put', 'post', 'delete', 'head', 'patch']);
  return Object.values(paths).reduce(
    (sum, item) => sum + Object.keys(item).filter((key) => methods.has(key)).length,
    0,
  );
}

const documents: [name: string, text: () => string][] = [
  ['petstore 3.0', () => example('3.0/json/petstore.json')],
  ['petstore 3.0 in YAML', () => example('3.0/yaml/petstore.yaml')],
  ['petstore 3.1', () => example('3.1/json/petstore.json')],
  ['star trek, 120 operations with forms', () => example('3.0/json/star-trek.json')],
  ['uspto', () => example('3.0/json/uspto.json')],
  ['readme, 3.1', () => example('3.1/json/readme.json')],
  ['readme, 3.0', () => example('3.0/json/readme-legacy.json')],
  ['train travel, 3.1', () => example('3.1/json/train-travel.json')],
  ['every style of parameters', () => example('3.0/json/parameters-style.json')],
  ['extreme parameters', () => example('3.0/json/parameters-extreme.json')],
  ['circular schemas', () => example('3.0/json/circular.json')],
  ['more circular schemas', () => example('3.0/json/schema-circular.json')],
  ['circular request bodies', () => example('3.0/json/circular-request-bodies.json')],
  ['circular paths', () => example('3.0/json/circular-paths.json')],
  ['polymorphism', () => example('3.0/json/polymorphism.json')],
  ['discriminators', () => example('3.0/json/discriminators.json')],
  ['file uploads', () => example('3.0/json/file-uploads.json')],
  ['every type of schema, 3.1', () => example('3.1/json/schema-types.json')],
  ['every type of schema, 3.0', () => example('3.0/json/schema-types.json')],
  ['visibility', () => example('3.0/json/schema-visibility.json')],
  ['several security schemes', () => example('3.0/json/security-multiple.json')],
  ['the REST API of Figma, 3.1, YAML', figma],
];

describe.each(documents)('%s', (_name, text) => {
  it('gives each operation a tool with a legal, unique name and schemas that compile', () => {
    const source = text();
    const plan = readOperations(parseText(source));
    expect(plan.faults).toEqual([]);
    expect(plan.operations.length).toBe(countOperations(source));
    const names = plan.operations.map(({ tool }) => tool.name);
    expect(names.filter((name) => !/^[A-Za-z0-9_-]{1,64}$/.test(name))).toEqual([]);
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
    for (const { tool, parameters } of plan.operations) {
      const { inputSchema, outputSchema } = tool;
      // A new one each time: names of schemas within a document are not to meet.
      const ajv = new Ajv2020({ strict: false, validateFormats: false });
      ajv.compile(inputSchema);
      if (outputSchema) expect(ajv.compile(outputSchema)({})).toBe(true);
      expect(JSON.stringify(inputSchema).length + JSON.stringify(outputSchema ?? {}).length).toBeLessThan(256 * 1024);
      const keys = Object.keys(inputSchema.properties as object);
      expect(keys.filter((key) => !/^[A-Za-z0-9_.-]{1,64}$/.test(key))).toEqual([]);
      expect(new Set(parameters.map(({ argument }) => argument)).size).toBe(parameters.length);
      expect(createArgumentCheck(inputSchema)({ 'no such argument': 1 })).not.toBeNull();
    }
  });

  it('is read the same every time', () => {
    const source = text();
    expect(readOperations(parseText(source))).toEqual(readOperations(parseText(source)));
  });
});
