import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Route, Routes } from "react-router";
import { afterEach, expect, it, vi } from "vitest";
import { createQueryClient } from "@/api/queryClient";
import { draw, expectAccessible } from "../../../../tests/draw";
import { fakeStudio } from "../../../../tests/studio";
import JobPage from "../JobPage";
import type { Job } from "../queries";
import { JobActions } from "./JobActions";

const job: Job = {
  id: "job-1",
  kind: "dataset_add",
  queue: "analysis",
  title: "Add data set letters",
  state: "running",
  wanted: "run",
  can_pause: false,
  priority: 0,
  subject: null,
  stage: null,
  done: null,
  total: null,
  rate: null,
  eta_seconds: null,
  metrics: {},
  failed_items: 0,
  attempts: 1,
  request: {},
  result: null,
  error: null,
  retry_of: null,
  created_at: "2026-01-01T00:00:00Z",
  started_at: null,
  finished_at: null,
  seconds: null,
};

const names = () => screen.getAllByRole("button").map((each) => each.textContent);

afterEach(() => vi.unstubAllGlobals());

it("offers Pause only where the job can go on", () => {
  draw(<JobActions job={job} />, { client: createQueryClient() });
  expect(names()).toEqual(["Cancel"]);
});

it("offers Pause where nothing would be lost", () => {
  draw(<JobActions job={{ ...job, kind: "train", can_pause: true }} />, { client: createQueryClient() });
  expect(names()).toEqual(["Pause", "Cancel"]);
});

it("lets a job that waits run next, unless it does", async () => {
  const asked = fakeStudio({ "PATCH /jobs/job-1": { ...job, state: "queued", priority: 10 } });
  const waiting: Job = { ...job, state: "queued", can_pause: true };
  const { rerender } = draw(<JobActions job={waiting} />, { client: createQueryClient() });
  await userEvent.click(screen.getByRole("button", { name: "Run next" }));
  await waitFor(() => expect(asked.map(({ body }) => body)).toEqual([{ priority: 10 }]));
  rerender(<JobActions job={{ ...waiting, priority: 10 }} />);
  expect(names()).toEqual(["Pause", "Cancel"]);
});

it("says in amber how many files were left out, and which", async () => {
  fakeStudio({
    "GET /jobs/job-1": {
      ...job,
      state: "completed_with_errors",
      failed_items: 2,
      result: {
        entity: "dataset",
        id: "corpus-1",
        name: "letters",
        failed: [
          { name: "latin.txt", reason: "It is not UTF-8 text." },
          { name: "broken.parquet", reason: "It cannot be read as Parquet." },
        ],
      },
    },
    "GET /jobs/job-1/log": { text: "", offset: 0, next_offset: 0 },
  });
  draw(
    <Routes>
      <Route path="/jobs/:id" element={<JobPage />} />
    </Routes>,
    { at: "/jobs/job-1", client: createQueryClient() },
  );
  expect(await screen.findByText("2 files could not be read and were left out.")).toBeInTheDocument();
  expect(screen.getByText("latin.txt").closest("li")).toHaveTextContent("latin.txt: It is not UTF-8 text.");
  expect(screen.getByText(/Completed with errors · 2 failed/)).toHaveClass("text-warn");
  expect(screen.queryByRole("button", { name: "Retry" })).not.toBeInTheDocument();
  await expectAccessible();
});
