CREATE TABLE "tool_overlays" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"server_id" uuid NOT NULL,
	"group_id" uuid,
	"tool" text NOT NULL,
	"overlay" json NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "request_logs" ADD COLUMN "shown_tool" text;--> statement-breakpoint
ALTER TABLE "tool_overlays" ADD CONSTRAINT "tool_overlays_server_id_servers_id_fk" FOREIGN KEY ("server_id") REFERENCES "public"."servers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tool_overlays" ADD CONSTRAINT "tool_overlays_group_id_groups_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."groups"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "tool_overlays_server_key" ON "tool_overlays" USING btree ("server_id","tool") WHERE "tool_overlays"."group_id" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "tool_overlays_group_key" ON "tool_overlays" USING btree ("group_id","server_id","tool") WHERE "tool_overlays"."group_id" is not null;--> statement-breakpoint
INSERT INTO "tool_overlays" ("server_id", "tool", "overlay") SELECT "server_id", "name", '{"enabled":false}'::json FROM "tools" WHERE NOT "enabled";--> statement-breakpoint
ALTER TABLE "tools" DROP COLUMN "enabled";