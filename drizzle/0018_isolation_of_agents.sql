-- Agents that exist now go on as they were, until isolation has everything that they need; later ones are isolated from the start.
ALTER TABLE "agents" ADD COLUMN "isolation" text DEFAULT 'pending' NOT NULL CHECK ("isolation" in ('pending', 'required'));--> statement-breakpoint
ALTER TABLE "agents" ALTER COLUMN "isolation" SET DEFAULT 'required';
