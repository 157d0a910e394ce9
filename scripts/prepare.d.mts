export const root: string;
export function ensureInstalled(): Promise<void>;
export function ensurePrograms(): Promise<void>;
export function ensureWeb(publicUrl?: string, pages?: string[]): Promise<void>;
