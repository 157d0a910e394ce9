ALTER TABLE "groups" ADD COLUMN "tool_list" json DEFAULT '{}'::json NOT NULL;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "tool_list" json DEFAULT '{}'::json NOT NULL;