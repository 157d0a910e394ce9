// All tables of the product.

export * from './audit';
export * from './calls';
export type { SealedValue, StoredValues } from './columns';
export * from './credentials';
export * from './groups';
export * from './keys';
export * from './limits';
export * from './oauth';
export * from './people';
export * from './search';
export * from './servers';
export * from './settings';
export * from './tools';
