export function percentiles(arr) {
  const a = Float64Array.from(arr).sort();
  const n = a.length;
  const q = (p) => (n === 0 ? null : +a[Math.min(n - 1, Math.max(0, Math.ceil(p * n) - 1))].toFixed(4));
  let sum = 0;
  for (const x of a) sum += x;
  return {
    n,
    mean: n ? +(sum / n).toFixed(4) : null,
    min: q(0),
    p50: q(0.5),
    p90: q(0.9),
    p95: q(0.95),
    p99: q(0.99),
    p999: q(0.999),
    max: n ? +a[n - 1].toFixed(4) : null,
  };
}
export const median = (xs) => {
  const a = xs.filter((x) => x !== null && x !== undefined && !Number.isNaN(x)).sort((x, y) => x - y);
  const n = a.length;
  return n === 0 ? null : n % 2 ? a[(n - 1) / 2] : (a[n / 2 - 1] + a[n / 2]) / 2;
};
