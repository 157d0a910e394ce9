CREATE TABLE "limit_holders" (
	"worker" text PRIMARY KEY NOT NULL,
	"beat" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "limit_places" (
	"subject" text NOT NULL,
	"subject_id" text NOT NULL,
	"worker" text NOT NULL,
	"places" integer NOT NULL,
	"wanted" integer NOT NULL,
	CONSTRAINT "limit_places_subject_subject_id_worker_pk" PRIMARY KEY("subject","subject_id","worker")
);
--> statement-breakpoint
ALTER TABLE "limit_places" ADD CONSTRAINT "limit_places_worker_limit_holders_worker_fk" FOREIGN KEY ("worker") REFERENCES "public"."limit_holders"("worker") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "limit_places_worker_idx" ON "limit_places" USING btree ("worker");