/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * The bucket of a time by shifts and four constants, without a branch: verifiers before 5.3 follow every outcome with
 * the numbers that it leads to, which would be a thousand ways through here.
 */
#pragma once

/* 1 where `value` is not 0. */
static __always_inline __u64 is_some(__u64 value)
{
	__u64 negated = -value;

	barrier_var(negated);
	return (value | negated) >> 63;
}

/* 1 where `value` is more than `edge`: what is borrowed by the difference. */
static __always_inline __u64 is_above(__u64 value, __u64 edge)
{
	__u64 difference = edge - value;

	barrier_var(difference);
	return ((~edge & value) | ((~edge | value) & difference)) >> 63;
}

static __always_inline __u32 plain_histogram_bucket(__u64 nanoseconds)
{
	__u64 mantissa = nanoseconds;
	__u64 power = 63;

#pragma unroll
	for (int bits = 32; bits > 0; bits >>= 1) {
		__u64 shift = bits * (1 - is_some(mantissa >> (64 - bits)));

		mantissa <<= shift;
		power -= shift;
	}
	/* 2^power ns is in bucket 8 + 4 * power; up to twice that is at most four further. */
	__u64 bucket = 8 + 4 * power;

	bucket += is_above(mantissa, 0x8dc3b8960164a7d9ull);
	bucket += is_above(mantissa, 0xa8965f74bf065071ull);
	bucket += is_above(mantissa, 0xc87c3e7d03cdbec3ull);
	bucket += is_above(mantissa, 0xee6b280000000000ull);
	return bucket < 255 ? bucket : 255;
}
