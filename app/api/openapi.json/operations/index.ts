// All of REST. A test holds rows and route files together, both ways.
import { hubOperations } from './hub';
import type { Operations } from './operation';
import { peopleOperations } from './people';
import { serversOperations } from './servers';
import { toolsOperations } from './tools';

export type { Operation } from './operation';

export const operations: Operations = {
  ...hubOperations,
  ...peopleOperations,
  ...serversOperations,
  ...toolsOperations,
};
