export declare function applyPatches(nodeModules: string): void;
