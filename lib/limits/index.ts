// Limits of calls. Shapes for browsers are in schema.ts.
export { type Admission, createLimiter, type Limiter, type Refusal } from './limiter';
export { listLimits, loadLimits, removeLimit, setLimit } from './limits';
export { createPlaceStore } from './place-store';
export type { Mates } from './places';
export { createUsageStore } from './usage';
