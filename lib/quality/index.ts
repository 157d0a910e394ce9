// How well the search for tools serves: what came of searches, what they cost, and the cases it is measured by. Shapes for
// browsers are in schema.ts.
export { comparable, createCase, deleteCase, getCase, importCases, listCases, updateCase } from './cases';
export { casesToRun, getRun, listRuns, measuredCase, storeRun } from './runs';
export { createSearchLog, type SearchCost, type SearchEntry, type SearchLog } from './search-log';
export { listSearches, searchFigures } from './searches';
export { writeCases } from './text';
