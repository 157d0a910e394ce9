-- Nothing was ever kept here; a row would have no key.
DELETE FROM "tool_embeddings";--> statement-breakpoint
ALTER TABLE "tool_embeddings" DROP CONSTRAINT "tool_embeddings_tool_id_tools_id_fk";
--> statement-breakpoint
ALTER TABLE "tool_embeddings" DROP CONSTRAINT "tool_embeddings_tool_id_model_pk";--> statement-breakpoint
ALTER TABLE "tool_embeddings" ADD COLUMN "text_hash" text PRIMARY KEY NOT NULL;--> statement-breakpoint
ALTER TABLE "tool_embeddings" ADD COLUMN "used_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
CREATE INDEX "tool_embeddings_model_updated_at_index" ON "tool_embeddings" USING btree ("model","updated_at");--> statement-breakpoint
ALTER TABLE "tool_embeddings" DROP COLUMN "tool_id";--> statement-breakpoint
ALTER TABLE "tool_embeddings" DROP COLUMN "definition_hash";