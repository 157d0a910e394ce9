import { describe, expect, it } from 'vitest';
import { createGuessLimiter } from '../../../../lib/access/passwords';

const limited = { code: 'LIMIT_EXCEEDED' };

describe('guess limiter', () => {
  it('allows five attempts a minute per account and address, and says when to come back', async () => {
    const limiter = createGuessLimiter();
    for (let i = 0; i < 5; i++) await limiter.attempt('ada', '10.0.0.1');
    const refused = await limiter.attempt('ADA', '10.0.0.1').catch((error: unknown) => error);
    expect(refused).toMatchObject(limited);
    expect((refused as { extras: { retryAfterMs: number } }).extras.retryAfterMs).toBeGreaterThanOrEqual(1000);
    await expect(limiter.attempt('ada', '10.0.0.2')).resolves.toBeUndefined();
    await expect(limiter.attempt('bob', '10.0.0.1')).resolves.toBeUndefined();
  });

  it('allows twenty a minute per account, from however many addresses', async () => {
    const limiter = createGuessLimiter();
    for (let i = 0; i < 20; i++) await limiter.attempt('ada', `10.0.0.${i}`);
    await expect(limiter.attempt('ada', '10.9.9.9')).rejects.toMatchObject(limited);
  });

  it('does not count sign-ins that succeed', async () => {
    const limiter = createGuessLimiter();
    for (let i = 0; i < 50; i++) {
      await limiter.attempt('ada', '10.0.0.1');
      await limiter.succeed('ada', '10.0.0.1');
    }
    await expect(limiter.attempt('ada', '10.0.0.1')).resolves.toBeUndefined();
  });
});
