import { describe, expect, it } from 'vitest';
import { tokensOfText, tokensOfTool, tokensOfTools } from '../../../../lib/routing/tokens';

const move = {
  name: 'move_file',
  description: 'Move or rename files and directories. Fails where the destination exists.',
  inputSchema: { type: 'object', properties: { source: { type: 'string' }, destination: { type: 'string' } } },
};

describe('tokens of tools', () => {
  it('counts what a model reads, and nothing that it does not', () => {
    const tokens = tokensOfTool(move);
    // OpenAI's o200k counts 45.
    expect(tokens).toBeGreaterThan(40);
    expect(tokens).toBeLessThan(60);
    const withMore = { ...move, outputSchema: { type: 'object' }, annotations: { readOnlyHint: true } };
    expect(tokensOfTool(withMore)).toBe(tokens);
    expect(tokensOfTool({ ...move, description: `${move.description} ${'more '.repeat(100)}` })).toBeGreaterThan(
      tokens + 100,
    );
  });

  it('counts scripts with more meaning in a letter for more', () => {
    expect(tokensOfText('abcd'.repeat(10))).toBe(10);
    expect(tokensOfText('文件夹移'.repeat(10))).toBe(30);
    expect(tokensOfText('')).toBe(0);
  });

  it('sums up', () => {
    expect(tokensOfTools([move, { name: 'ping' }])).toBe(tokensOfTool(move) + tokensOfTool({ name: 'ping' }));
    expect(tokensOfTools([])).toBe(0);
  });
});
