// What the search needs of vectors, wherever they come from.

export type RequestVector = { vector: Float32Array; reason?: undefined } | { vector: null; reason: string };

export interface Embeddings {
  readonly model: string;
  /** Why tools are searched by words alone; null while nothing is wrong. */
  readonly warning: string | null;
  /** Rises when more vectors are stored. */
  readonly version: number;
  /** How long vectors are; null before any is known. */
  readonly dimension: number | null;
  /** Learns what is stored. @throws what the database throws */
  start(): Promise<void>;
  /** This worker is the one that has missing vectors made. */
  lead(): void;
  /** Tools may have changed. */
  wake(): void;
  /** Where the job learns what there is to embed. */
  textsFrom(source: () => Iterable<string>): void;
  keyOf(text: string): string;
  /** Whether the vector of a text is stored. */
  has(key: string): boolean;
  read(keys: readonly string[]): Promise<Map<string, Float32Array>>;
  /**
   * The vector of a request; null when there is none in time, with the reason.
   * @param timeoutMs of what is asked of the service
   */
  ofRequest(query: string, timeoutMs: number): Promise<RequestVector>;
  /** Idempotent. */
  close(): Promise<void>;
}
