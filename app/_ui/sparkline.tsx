// A small line of recent values, oldest first; the last value stands beside it as text. null is a gap, not a zero.

export interface SparklineProps {
  values: readonly (number | null)[];
  /** Says what the line shows, e.g. "calls per hour". */
  label: string;
  width?: number;
  height?: number;
}

export function Sparkline({ values, label, width = 96, height = 24 }: SparklineProps) {
  const known = values.filter((value): value is number => value !== null);
  const highest = Math.max(0, ...known);
  if (known.length < 2 || highest === 0) {
    return <svg aria-hidden="true" width={width} height={height} />;
  }
  const inset = 1.5;
  const x = (index: number) => inset + (index * (width - 2 * inset)) / (values.length - 1);
  const y = (value: number) => height - inset - (value / highest) * (height - 2 * inset);
  let path = '';
  let drawing = false;
  values.forEach((value, index) => {
    if (value === null) {
      drawing = false;
      return;
    }
    path += `${drawing ? 'L' : 'M'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    drawing = true;
  });
  return (
    <svg role="img" aria-label={`${label}, highest ${highest}`} width={width} height={height} className="text-chart-1">
      <path
        d={path}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.25"
        strokeLinejoin="round"
        strokeLinecap="round"
      />
    </svg>
  );
}
