// Results of tools as servers send them: every content type, unknown fields and types, numbers at the edges, Unicode,
// empty lists, _meta, huge texts. What a client gets must equal them field by field.

const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==';
const text = (value) => ({ type: 'text', text: value });

export const corpus = {
  'plain text': { content: [text('hello')] },
  'no content': { content: [] },
  'empty text': { content: [text('')] },
  'many texts': { content: Array.from({ length: 50 }, (_, index) => text(`part ${index}`)) },
  unicode: {
    content: [text('ü \u{1F600} \u202Eabc\u202C e\u0301 \u0000 \u2028\u2029 \uFFFD \u7528\u6237 \\ " \r\n\t')],
  },
  'a lone surrogate': { content: [text('before \uD83D after')] },
  'text like JSON': { content: [text('{"jsonrpc":"2.0","id":1,"result":{}}\n\ndata: x\nevent: message')] },
  'huge text': { content: [text('ä'.repeat(600_000))] },
  image: {
    content: [
      { type: 'image', data: pixel, mimeType: 'image/png', annotations: { audience: ['user'], priority: 0.5 } },
    ],
  },
  audio: { content: [{ type: 'audio', data: 'UklGRiQAAABXQVZF', mimeType: 'audio/wav' }] },
  'a link': {
    content: [
      {
        type: 'resource_link',
        uri: 'file:///a%20b/ü?x=1#y',
        name: 'link',
        title: 'A link',
        size: 9007199254740991,
        icons: [],
      },
    ],
  },
  'embedded resources': {
    content: [
      { type: 'resource', resource: { uri: 'note://1', mimeType: 'text/plain', text: 'x', _meta: { 'own/key': 1 } } },
      {
        type: 'resource',
        resource: { uri: 'note://2', blob: pixel },
        annotations: { lastModified: '2025-01-12T15:00:58Z' },
      },
    ],
  },
  'an unknown type of content': {
    content: [text('a'), { type: 'hologram', beams: [1, [2, [3]]], nothing: null }, text('b')],
  },
  'unknown fields everywhere': {
    content: [{ ...text('x'), 'x-own': { deep: [{ a: null }] }, annotations: { future: true } }],
    'x-result': [{}, [], '', 0, false, null],
    next: { constructor: 1, toString: 2, hasOwnProperty: 3 },
  },
  'structured object': { content: [text('{}')], structuredContent: { a: { b: [] }, c: {}, d: '', e: null } },
  'numbers at the edges': {
    content: [text('n')],
    structuredContent: {
      max: Number.MAX_SAFE_INTEGER,
      min: Number.MIN_SAFE_INTEGER,
      tiny: 5e-324,
      big: 1.7976931348623157e308,
      fraction: 0.1,
      zero: 0,
      exponent: 1e21,
    },
  },
  'meta of all kinds': {
    content: [{ ...text('x'), _meta: { 'com.example/a': 1 } }],
    _meta: {
      'com.example/nested': { list: [1, { two: 2 }] },
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01',
      progressToken: 'not ours',
      plain: '',
    },
  },
  'a failing tool': { content: [text('disk full')], isError: true, structuredContent: { code: 'ENOSPC' } },
  'isError that is false': { content: [text('fine')], isError: false },
  'keys that look like ours': {
    content: [text('x')],
    structuredContent: { name: 'echo', uri: 'demo://x', id: 1, result: {}, method: 'tools/call', jsonrpc: '2.0' },
    id: 'inner',
    result: { result: {} },
    error: null,
    method: 'inner',
  },
  'deep nesting': { content: [text('deep')], structuredContent: { deep: nested(40) } },
  'many keys': {
    content: [text('keys')],
    structuredContent: Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`key ${index}`, index])),
  },
  'long names': { content: [text('x')], structuredContent: { ['n'.repeat(10_000)]: 'v', '': 'empty', ' ': 'blank' } },
  'escapes in keys': { content: [text('x')], structuredContent: { 'a"b\\c\n\u0000': 1, '\u{1F511}': 2 } },
};

/** Legal from 2026-07-28 on only. */
export const modernCorpus = {
  'a structured list': { content: [text('[]')], structuredContent: [1, 'two', { three: [] }] },
  'a structured text': { content: [text('x')], structuredContent: 'just text' },
};

function nested(depth) {
  let value = 'bottom';
  for (let level = 0; level < depth; level += 1) value = level % 2 ? [value] : { value };
  return value;
}
