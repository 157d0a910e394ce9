CREATE TABLE "given_up_tokens" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"credential_id" uuid NOT NULL,
	"server" json NOT NULL,
	"user_id" uuid,
	"user" text,
	"issuer" text NOT NULL,
	"client_id" text,
	"values" json NOT NULL,
	"tries" integer DEFAULT 0 NOT NULL,
	"next_try_at" timestamp with time zone DEFAULT now() NOT NULL,
	"claimed_until" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE INDEX "given_up_tokens_next_idx" ON "given_up_tokens" USING btree ("next_try_at");