// Paths of the hub as a browser must ask for them. Next puts the path of MCPHUB_PUBLIC_URL before what its own Link, router
// and redirect are given; everything else (fetch, <a>, location, cookies, the socket) takes it from here.

/** "/some/path" or "": a constant of the build, from next.config.ts. */
export const basePath: string = process.env.MCPHUB_BASE_PATH ?? '';

/** @param path of the hub, from its "/" on */
export function hubPath(path: string): string {
  return basePath + path;
}

/** The hub's own address, as this browser sees it, without a slash at its end. Only for what no server renders. */
export function hubAddress(): string {
  return location.origin + basePath;
}
