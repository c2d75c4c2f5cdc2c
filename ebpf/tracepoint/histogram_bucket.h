/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * The bucket of a time by shifts and four constants.
 */
#pragma once

static __always_inline __u32 plain_histogram_bucket(__u64 nanoseconds)
{
	__u64 mantissa = nanoseconds;
	__u32 power = 63;

#pragma unroll
	for (int bits = 32; bits > 0; bits >>= 1) {
		if (!(mantissa >> (64 - bits))) {
			mantissa <<= bits;
			power -= bits;
		}
	}
	/* 2^power ns is in bucket 8 + 4 * power; up to twice that is at most four further. */
	__u32 bucket = 8 + 4 * power;

	bucket += mantissa > 0x8dc3b8960164a7d9ull;
	bucket += mantissa > 0xa8965f74bf065071ull;
	bucket += mantissa > 0xc87c3e7d03cdbec3ull;
	bucket += mantissa > 0xee6b280000000000ull;
	return bucket < 255 ? bucket : 255;
}
