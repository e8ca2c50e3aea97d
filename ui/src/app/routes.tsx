import { type ComponentType, lazy } from "react";
import { Route, Routes } from "react-router";

type Loaded = Promise<{ default: ComponentType }>;

/** Every address of the studio. A page is loaded when it is first gone to. */
const pages: readonly [path: string, load: () => Loaded][] = [
  ["/", () => import("@/steps/home/Page")],
  ["/datasets", () => import("@/steps/corpora/Page")],
  ["/datasets/:id", () => import("@/steps/corpora/DatasetPage")],
  ["/models", () => import("@/steps/language_models/Page")],
  ["/models/:id", () => import("@/steps/language_models/ModelPage")],
  ["/training", () => import("@/steps/training/Page")],
  ["/training/new", () => import("@/steps/training/NewPage")],
  ["/training/compare", () => import("@/steps/training/ComparePage")],
  ["/training/:id", () => import("@/steps/training/TrainingPage")],
  ["/saes", () => import("@/steps/sae/Page")],
  ["/saes/compare", () => import("@/steps/sae/ComparePage")],
  ["/saes/:id", () => import("@/steps/sae/SaePage")],
  ["/saes/:id/evaluations/:evaluation", () => import("@/steps/sae/EvaluationPage")],
  ["/saes/:id/probings/:probing", () => import("@/steps/sae/ProbingPage")],
  ["/features", () => import("@/steps/features/Page")],
  ["/features/:set", () => import("@/steps/features/SetPage")],
  ["/features/:set/:latent", () => import("@/steps/features/FeaturePage")],
  ["/steering", () => import("@/steps/steering/Page")],
  ["/jobs", () => import("@/steps/jobs/Page")],
  ["/jobs/:id", () => import("@/steps/jobs/JobPage")],
  ["/system", () => import("@/steps/system/Page")],
  ["/templates", () => import("@/steps/presets/Page")],
  ["/settings", () => import("@/steps/settings/Page")],
  ["/__kit", () => import("./kit/KitPage")],
  ["*", () => import("./NotFound")],
];

const routes = pages.map(([path, load]) => ({ path, Page: lazy(load) }));

export function StudioRoutes() {
  return (
    <Routes>
      {routes.map(({ path, Page }) => (
        <Route key={path} path={path} element={<Page />} />
      ))}
    </Routes>
  );
}
