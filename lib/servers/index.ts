// Everything about the catalogue of servers and groups. Shapes for browsers are in schema.ts.

export type { VersionCheck } from '../telemetry/versions';
export { listOpen } from './anonymous';
export { type ConfigImport, importConfigFile } from './config-file';
export {
  getToolOverlay,
  listGroupTools,
  removeToolOverlay,
  setToolOverlay,
  type ToolRef,
} from './curation/overlays';
export { type DesiredServer, listDesired } from './desired';
export { listDrift } from './drift';
export { createGroup, deleteGroup, getGroup, listGroups, updateGroup } from './groups';
export { applyImport, planImport } from './import';
export { documentStore, type ReadDocument } from './openapi/documents';
export { getServerDocument, previewDocument, refreshServerDocument } from './openapi/refresh';
export { openStandIns } from './opened';
export { withoutOutput } from './program-output';
export { getServerReport, loadLives, storeLife } from './reports';
export {
  createServer,
  deleteServer,
  getServer,
  listServers,
  listWatchable,
  readableLogs,
  requireServerLogs,
  restartServer,
  startServer,
  stopServer,
  updateServer,
} from './servers';
export { desiredOfInput, requireConfigTest, requireServerTest, type Tested } from './tests';
export { getRootToolList, type RootToolList, setRootToolList } from './tool-lists';
export { approveTools, listTools } from './tools';
