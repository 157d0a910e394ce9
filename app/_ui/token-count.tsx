// What a tool takes of a model's context, as the estimate that it is.

export function TokenCount({ tokens }: { tokens: number }) {
  return (
    <span
      className="text-caption font-normal text-muted-foreground tabular-nums"
      title="Estimate of what the tool takes of a model's context: name, description and input schema"
    >
      ≈ {tokens.toLocaleString('en')} {tokens === 1 ? 'token' : 'tokens'}
    </span>
  );
}
