CREATE TABLE "openapi_documents" (
	"server_id" uuid PRIMARY KEY NOT NULL,
	"document" text NOT NULL,
	"sha256" text NOT NULL,
	"fetched_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "server_reports" (
	"server_id" uuid PRIMARY KEY NOT NULL,
	"report" json NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "warm_instances" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "secrets" json DEFAULT '{}'::json NOT NULL;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "tls" json;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "health_check" json;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "repeat_safe_calls" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "openapi" json;--> statement-breakpoint
ALTER TABLE "openapi_documents" ADD CONSTRAINT "openapi_documents_server_id_servers_id_fk" FOREIGN KEY ("server_id") REFERENCES "public"."servers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "server_reports" ADD CONSTRAINT "server_reports_server_id_servers_id_fk" FOREIGN KEY ("server_id") REFERENCES "public"."servers"("id") ON DELETE cascade ON UPDATE no action;