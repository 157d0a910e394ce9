CREATE TABLE "session_wishes" (
	"id_hash" text NOT NULL,
	"worker" text NOT NULL,
	"log_level" integer,
	"subscriptions" json DEFAULT '[]'::json NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "session_wishes_id_hash_worker_pk" PRIMARY KEY("id_hash","worker")
);
