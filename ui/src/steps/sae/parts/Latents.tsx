import { Link } from "react-router";

/** Numbers of latents; each leads to its page where features were found with the SAE. */
export function Latents({ latents, set }: { latents: readonly number[]; set: string | null }) {
  return (
    <span className="inline-flex flex-wrap gap-x-2">
      {latents.map((latent) =>
        set === null ? (
          <span key={latent}>{latent}</span>
        ) : (
          <Link key={latent} to={`/features/${set}/${latent}`} className="text-ink underline hover:text-accent">
            {latent}
          </Link>
        ),
      )}
    </span>
  );
}
