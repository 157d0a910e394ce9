import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type IndexedTool, ToolIndex } from '../../../../lib/routing';

const tool = (
  server: string,
  name: string,
  description = '',
  parameters: Record<string, string> = {},
): IndexedTool => ({
  server,
  name,
  description,
  parameters: Object.entries(parameters).map(([each, text]) => ({ name: each, description: text })),
});

const tools = [
  tool('git', 'git_commit', 'Records changes to the repository'),
  tool('git', 'git_diff', 'Shows differences between branches or commits'),
  tool('git', 'git_reset', 'Unstages all staged changes'),
  tool('files', 'read_text_file', 'Read the complete contents of a file as text', { path: '', head: 'first lines' }),
  tool('files', 'move_file', 'Move or rename files and directories'),
  tool('files', 'list_directory', 'A detailed listing of a path', { path: '' }),
  tool('sky', 'getForecast', 'Forecast for a city', { latitude: 'north or south', days: 'how many days ahead' }),
  tool('shop', 'search', 'Searches the products of the shop'),
  tool('shop', 'order_status', 'Where a parcel is', { orderId: 'number of the order' }),
  tool('地図', '経路検索', '出発地から目的地までの電車の経路を検索します'),
];

function indexOf(list: readonly IndexedTool[]): ToolIndex {
  const index = new ToolIndex();
  list.forEach((each, slot) => void index.put(slot, each));
  return index;
}

const index = indexOf(tools);
const names = (text: string, limit = 10, of = index) => of.search(text, { limit }).map(({ slot }) => tools[slot]?.name);
const bits = (...slots: number[]) => {
  const allowed = new Uint8Array(4);
  for (const slot of slots) allowed[slot >> 3] = (allowed[slot >> 3] ?? 0) | (1 << (slot & 7));
  return allowed;
};

describe('what is found first', () => {
  it.each([
    ['a word of the name', 'commit', 'git_commit'],
    ['another form of a word', 'committing what I have recorded', 'git_commit'],
    ['a part of a name in camelCase', 'a forecast', 'getForecast'],
    ['a word of the description', 'what is staged shall be unstaged', 'git_reset'],
    ['the name of a parameter', 'by latitude', 'getForecast'],
    ['the description of a parameter', 'how many days ahead?', 'getForecast'],
    ['a synonym', 'will there be weather in town', 'getForecast'],
    ['a synonym of another word', 'track my package', 'order_status'],
    ['a slip of the pen', 'foercast', 'getForecast'],
    ['a script without spaces', '電車の経路', '経路検索'],
    ['the whole name', 'search', 'search'],
    ['the whole name in another spelling', 'Git Diff', 'git_diff'],
    ['a name within a sentence', 'please run move_file on the commit of the repository', 'move_file'],
    ['the server beside a plain name', 'shop search', 'search'],
  ])('%s', (_what, text, expected) => {
    expect(names(text)[0]).toBe(expected);
  });

  it('is what each part of a long request asks for', () => {
    const text =
      'Rename the file notes.txt to old.txt. Also tell me the forecast for Rome, and the status of my order.';
    expect(names(text, 3).sort()).toEqual(['getForecast', 'move_file', 'order_status']);
  });

  it('is decided by what is wanted, not by the words of asking or by values in quotation marks', () => {
    expect(names('Please help me to find information on "search the shop" in the list of this directory')[0]).toBe(
      'list_directory',
    );
  });
});

describe('what is found', () => {
  it.each([['', '   ', '?!', 'the of and', "'; drop table tools; --", '\u0000\ud800', '🦄']].flat())(
    'for %j is no error',
    (text) => {
      expect(() => index.search(text, { limit: 5 })).not.toThrow();
    },
  );

  it('is nothing where no word fits', () => {
    expect(names('zzzz qqqq')).toEqual([]);
  });

  it('has a bounded cost for a request of any length', () => {
    const words = Array.from({ length: 20_000 }, (_, at) => `word${at} forecast.`).join(' and ');
    expect(names(words)[0]).toBe('getForecast');
  });

  it('is at most as much as is asked for, the best first, with 1 as the first score', () => {
    const found = index.search('repository changes', { limit: 2 });
    expect(found.map(({ score }) => score)).toEqual([1, expect.any(Number)]);
    expect(found[1]?.score).toBeLessThan(1);
  });

  it('comes with its reasons: the words, where they are, and what stood for them', () => {
    const [found] = index.search('weather for the city by latitude', { limit: 1 });
    expect(found?.why).toEqual([
      { word: 'weather', as: 'forecast', in: ['name', 'description'] },
      { word: 'city', in: ['description'] },
      { word: 'latitude', in: ['parameter'] },
    ]);
  });
});

describe('what somebody may not find', () => {
  it('is not found by its very name, and the best of the rest is the best', () => {
    const allowed = bits(0, 3, 4);
    const found = index.search('git_diff of the commit', { limit: 10, allowed });
    expect(found.map(({ slot }) => slot).every((slot) => [0, 3, 4].includes(slot))).toBe(true);
    expect(found[0]).toMatchObject({ slot: 0, score: 1 });
  });

  it('is everything where no bit is set', () => {
    expect(index.search('commit', { limit: 10, allowed: new Uint8Array(0) })).toEqual([]);
  });
});

describe('an index that is changed', () => {
  it('finds as one that was made anew, after any changes', () => {
    const change = fc.record({ slot: fc.nat(15), tool: fc.option(fc.constantFrom(...tools)) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const changed = new ToolIndex();
        const present = new Map<number, IndexedTool>();
        for (const { slot, tool: each } of changes) {
          if (each) changed.put(slot, each);
          else changed.remove(slot);
          if (each) present.set(slot, each);
          else present.delete(slot);
        }
        const fresh = new ToolIndex();
        for (const [slot, each] of [...present].sort(([a], [b]) => a - b)) fresh.put(slot, each);
        expect(changed.size).toBe(present.size);
        for (const text of ['shop search', 'read the file and commit', 'weather', 'git']) {
          const rounded = (of: ToolIndex) =>
            of.search(text, { limit: 20 }).map(({ slot, score }) => [slot, score.toFixed(6)]);
          expect(rounded(changed).sort()).toEqual(rounded(fresh).sort());
        }
      }),
      { numRuns: 60 },
    );
  });

  it('forgets what was removed', () => {
    const changed = indexOf(tools);
    for (let slot = 0; slot < tools.length; slot++) changed.remove(slot);
    expect(changed.size).toBe(0);
    expect(changed.search('commit forecast search', { limit: 10 })).toEqual([]);
  });
});
