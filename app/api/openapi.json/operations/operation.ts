// One row for each method of a route.
import type { z } from 'zod';
import type { bodies } from '../bodies';
import type { AnswerName } from '../shapes';

export interface Operation {
  summary: string;
  body?: keyof typeof bodies;
  isBodyOptional?: boolean;
  query?: z.ZodObject;
  /** Name of the answer's shape; none for 204. */
  answer?: AnswerName;
  /** Content types of an answer that is no JSON. */
  text?: string[];
  status?: 200 | 201 | 204;
  /** Answers with an ETag, or honours If-Match. */
  versioned?: 'etag' | 'if-match' | 'both';
  /** Statuses of problems beside 400, 401 and 503, which every operation can give. */
  problems?: number[];
  anonymous?: boolean;
}

/** By path and method. */
export type Operations = Record<string, Record<string, Operation>>;
