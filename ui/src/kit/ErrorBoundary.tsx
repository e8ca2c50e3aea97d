import { Component, type ReactNode } from "react";
import { ErrorState } from "./ErrorState";

interface Props {
  /** When this changes the boundary forgets its error: the page's address. */
  resetKey: string;
  children: ReactNode;
  /** Also asked on “Try again”: to forget failed queries. */
  onRetry?: () => void;
}

/** A part that fails shows words and a way back; the rest of the page goes on. */
export class ErrorBoundary extends Component<Props, { error: unknown; failed: boolean }> {
  override state = { error: null as unknown, failed: false };

  static getDerivedStateFromError(error: unknown) {
    return { error, failed: true };
  }

  override componentDidUpdate(before: Props) {
    if (this.state.failed && before.resetKey !== this.props.resetKey) this.setState({ error: null, failed: false });
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <div className="mx-auto max-w-3xl px-6 py-12">
        <ErrorState
          error={this.state.error}
          title="This page stopped working"
          onRetry={() => {
            this.props.onRetry?.();
            this.setState({ error: null, failed: false });
          }}
        />
      </div>
    );
  }
}
