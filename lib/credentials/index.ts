// What is stored so that the hub can sign in to servers, for itself and for its users. Shapes for browsers are in schema.ts.
export { type AskedSignIn, requireSignIn, serverOfSignIn } from './asked';
export {
  deleteConnection,
  deleteServerConnection,
  getConnection,
  listConnections,
  listServerConnections,
  setConnection,
} from './connections';
