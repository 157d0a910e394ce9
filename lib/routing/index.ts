// Finding the tools that a request is about. Shapes for browsers are in schema.ts.
export { type Found, type IndexedTool, ToolIndex } from './tool-index';
export { textOfRequest, textOfTool, vectorKey } from './tool-text';
