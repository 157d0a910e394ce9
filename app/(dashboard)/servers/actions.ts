'use server';
// What the pages of servers change.
import { z } from 'zod';
import { defineAction } from '@/app/_server';
import {
  applyImport,
  approveTools,
  createServer,
  deleteServer,
  planImport,
  restartServer,
  setToolOverlay,
  startServer,
  stopServer,
  updateServer,
} from '@/lib/servers';
import { groupOverlaySchema, serverOverlaySchema } from '@/lib/servers/curation/schema';
import { importInputSchema, serverInputSchema, serverPatchSchema, toolApprovalSchema } from '@/lib/servers/schema';

const operations = { start: startServer, stop: stopServer, restart: restartServer } as const;
const named = z.strictObject({ name: z.string() });

export const operateServerAction = defineAction(
  named.extend({ operation: z.enum(['start', 'stop', 'restart']) }),
  (ctx, { name, operation }) => operations[operation](ctx, name),
);

export const createServerAction = defineAction(serverInputSchema, createServer);

export const updateServerAction = defineAction(
  named.extend({ patch: serverPatchSchema, ifVersion: z.number().int() }),
  (ctx, { name, patch, ifVersion }) => updateServer(ctx, name, patch, { ifVersion }),
);

export const deleteServerAction = defineAction(named, (ctx, { name }) => deleteServer(ctx, name));

export const approveToolsAction = defineAction(
  named.extend({ approval: toolApprovalSchema }),
  (ctx, { name, approval }) => approveTools(ctx, name, approval),
);

const overlaid = z.strictObject({ server: z.string(), tool: z.string(), ifVersion: z.number().int() });

/** An empty overlay takes it back. */
export const setOverlayAction = defineAction(
  overlaid.extend({ overlay: serverOverlaySchema }),
  (ctx, { overlay, ifVersion, ...ref }) => setToolOverlay(ctx, ref, overlay, { ifVersion }),
);

export const setGroupOverlayAction = defineAction(
  overlaid.extend({ group: z.string(), overlay: groupOverlaySchema }),
  (ctx, { overlay, ifVersion, ...ref }) => setToolOverlay(ctx, ref, overlay, { ifVersion }),
);

export const planImportAction = defineAction(importInputSchema.pick({ text: true }), (ctx, { text }) =>
  planImport(ctx, text),
);

export const applyImportAction = defineAction(
  importInputSchema.pick({ text: true, choices: true }),
  (ctx, { text, choices }) => applyImport(ctx, text, choices ?? {}),
);
