CREATE TABLE "server_secrets" (
	"server_id" uuid PRIMARY KEY NOT NULL,
	"fingerprint" text NOT NULL,
	"lease_expires_at" timestamp (3) with time zone NOT NULL
);
