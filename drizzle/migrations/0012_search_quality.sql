CREATE TABLE "search_cases" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"query" text NOT NULL,
	"hash" text NOT NULL,
	"expected" json NOT NULL,
	"group" text,
	"note" text DEFAULT '' NOT NULL,
	"created_by" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "search_cases_hash_unique" UNIQUE("hash")
);
--> statement-breakpoint
CREATE TABLE "search_costs" (
	"day" text NOT NULL,
	"endpoint" text NOT NULL,
	"lists" integer DEFAULT 0 NOT NULL,
	"searches" integer DEFAULT 0 NOT NULL,
	"full_tokens" bigint DEFAULT 0 NOT NULL,
	"shown_tokens" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "search_costs_day_endpoint_pk" PRIMARY KEY("day","endpoint")
);
--> statement-breakpoint
CREATE TABLE "search_runs" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"took_ms" integer NOT NULL,
	"user_id" uuid,
	"actor" text NOT NULL,
	"engine" json NOT NULL,
	"fingerprint" text NOT NULL,
	"figures" json NOT NULL,
	"results" json NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tool_searches" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"user_id" uuid,
	"key_id" uuid,
	"actor" text NOT NULL,
	"client" text,
	"endpoint" text NOT NULL,
	"query" text NOT NULL,
	"mode" text NOT NULL,
	"hits" integer NOT NULL,
	"found" json NOT NULL,
	"called" text,
	"called_rank" integer
);
--> statement-breakpoint
ALTER TABLE "search_cases" ADD CONSTRAINT "search_cases_created_by_users_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."users"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "search_cases_created_idx" ON "search_cases" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "search_runs_at_idx" ON "search_runs" USING btree ("at" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "tool_searches_at_idx" ON "tool_searches" USING btree ("at" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "tool_searches_user_at_idx" ON "tool_searches" USING btree ("user_id","at" DESC NULLS LAST);