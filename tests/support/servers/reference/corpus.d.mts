export const corpus: Record<string, Record<string, unknown>>;
export const modernCorpus: Record<string, Record<string, unknown>>;
