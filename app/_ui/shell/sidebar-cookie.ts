/** Remembers the side bar's width; read by the layout, so that the page never jumps. */
export const sidebarCookie = 'mcphub-sidebar';
