// Settings that are made in the dashboard.
import { json, pgTable, text } from 'drizzle-orm/pg-core';
import { updatedAt } from './columns';

export const settings = pgTable('settings', {
  key: text().primaryKey(),
  value: json().notNull(),
  updatedAt: updatedAt(),
});
