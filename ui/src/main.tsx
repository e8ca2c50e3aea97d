import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { startLive } from "@/api/live";
import { createQueryClient } from "@/api/queryClient";
import { Shell } from "@/app/Shell";
import { TooltipProvider } from "@/kit/Tooltip";
import "@/app/theme.css";

const client = createQueryClient();

function Studio() {
  useEffect(() => startLive(client), []);
  return (
    <QueryClientProvider client={client}>
      <TooltipProvider>
        <BrowserRouter>
          <Shell />
        </BrowserRouter>
      </TooltipProvider>
    </QueryClientProvider>
  );
}

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root.");
createRoot(root).render(
  <StrictMode>
    <Studio />
  </StrictMode>,
);
