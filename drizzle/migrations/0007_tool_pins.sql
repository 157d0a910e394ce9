CREATE TABLE "tool_pins" (
	"server_id" uuid NOT NULL,
	"name" text NOT NULL,
	"definition" json NOT NULL,
	"definition_hash" text NOT NULL,
	"pinned_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "tool_pins_server_id_name_pk" PRIMARY KEY("server_id","name")
);
--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "definition_changes" text DEFAULT 'warn' NOT NULL;--> statement-breakpoint
ALTER TABLE "tool_pins" ADD CONSTRAINT "tool_pins_server_id_servers_id_fk" FOREIGN KEY ("server_id") REFERENCES "public"."servers"("id") ON DELETE cascade ON UPDATE no action;