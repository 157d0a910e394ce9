// What is stored so that the hub can sign in to servers, for itself and for its users. Shapes for browsers are in schema.ts.
export {
  deleteConnection,
  deleteServerConnection,
  getConnection,
  listConnections,
  listServerConnections,
  setConnection,
} from './connections';
