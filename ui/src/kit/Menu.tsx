import { type LucideIcon } from "lucide-react";
import { DropdownMenu as Primitive } from "radix-ui";
import { type ReactNode } from "react";
import { cx } from "./cx";

export interface MenuItem {
  label: string;
  icon?: LucideIcon;
  onSelect: () => void;
  danger?: boolean;
  disabled?: boolean;
  /** A line above it. */
  apart?: boolean;
  /** Given: the item is one of a choice, and shows whether it is the one. */
  checked?: boolean;
}

/** A button's list of actions. `trigger` is the button. */
export function Menu({
  trigger,
  items,
  align = "end",
}: {
  trigger: ReactNode;
  items: readonly MenuItem[];
  align?: "start" | "end";
}) {
  return (
    <Primitive.Root modal={false}>
      <Primitive.Trigger asChild>{trigger}</Primitive.Trigger>
      <Primitive.Portal>
        <Primitive.Content
          align={align}
          sideOffset={4}
          collisionPadding={8}
          className="z-50 min-w-44 animate-fade rounded-lg border border-line bg-raised p-1 shadow-float"
        >
          {items.map(({ label, icon: Icon, onSelect, danger, disabled, apart, checked }) => {
            const look = cx(
              "flex cursor-pointer items-center gap-2.5 rounded-md px-2.5 py-1.5 outline-none select-none",
              "data-disabled:cursor-not-allowed data-disabled:opacity-50 data-highlighted:bg-quiet-soft",
              danger ? "text-danger" : "text-ink",
              checked && "font-medium text-accent",
            );
            const inside = (
              <>
                {Icon && <Icon size={15} aria-hidden />}
                {label}
              </>
            );
            return (
              <div key={label} role="presentation">
                {apart && <Primitive.Separator className="my-1 h-px bg-line" />}
                {checked === undefined ? (
                  <Primitive.Item className={look} disabled={disabled} onSelect={onSelect}>
                    {inside}
                  </Primitive.Item>
                ) : (
                  <Primitive.CheckboxItem checked={checked} className={look} disabled={disabled} onSelect={onSelect}>
                    {inside}
                  </Primitive.CheckboxItem>
                )}
              </div>
            );
          })}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
