"""The headers of real formats, without cells, shared by the tests of dialects."""

from __future__ import annotations

from tiktok_pipeline_tests.scrapes import COLUMNS

PUBLIC = [*COLUMNS, "profile_pic_url"]
SPREADSHEET = ["likes_receieved" if name == "likes" else name for name in PUBLIC]
VENDOR = [
    "account_id",
    "nickname",
    "biography",
    "awg_engagement_rate",
    "comment_engagement_rate",
    "like_engagement_rate",
    "bio_link",
    "predicted_lang",
    "is_verified",
    "followers",
    "following",
    "likes",
    "videos_count",
    "create_time",
    "id",
    "url",
    "profile_pic_url",
    "like_count",
    "digg_count",
    "is_private",
    "profile_pic_url_hd",
    "secu_id",
    "short_id",
    "ftc",
    "relation",
    "open_favorite",
    "comment_setting",
    "duet_setting",
    "stitch_setting",
    "is_ad_virtual",
    "room_id",
    "is_under_age_18",
    "region",
    "top_videos",
    "signature",
    "discovery_input",
]
RESEARCH_API = [
    "username",
    "display_name",
    "bio_description",
    "bio_url",
    "is_verified",
    "follower_count",
    "following_count",
    "likes_count",
    "video_count",
]
RESEARCH_REPLY = ["username", *(f"data.{name}" for name in RESEARCH_API[1:]), "data.avatar_url", "error.code"]
RESEARCH_SET = ["username", "signature", "bioLink", "followers", "following", "total_likes", "total_videos"]
USER_DETAIL = [
    *(f"userInfo.user.{name}" for name in ("id", "uniqueId", "nickname", "signature", "verified")),
    *(
        f"userInfo.stats.{name}"
        for name in ("followerCount", "followingCount", "heartCount", "videoCount", "diggCount")
    ),
]
APIFY_ITEMS = [
    *("id", "text", "createTimeISO", "diggCount", "commentCount", "playCount"),
    *(
        f"authorMeta.{name}"
        for name in ("id", "name", "nickName", "signature", "verified", "fans", "following", "heart", "video", "digg")
    ),
]
APIFY_PROFILES = ["id", "name", "nickName", "signature", "verified", "fans", "following", "heart", "video", "digg"]
ACTIVITY = ["User ID", "Instagram visit score", "Spending_rank(0 to 100)"]
TRACKER = ["Username", "Followers", "Following", "Total likes", "Videos", "Bio", "Profile link", "Verified"]
RESEARCH_VIDEOS = [
    *("id", "username", "create_time", "region_code", "video_description", "like_count", "comment_count"),
    *("share_count", "view_count", "favorites_count"),
]
VENDOR_POSTS = [
    *("url", "post_id", "description", "create_time", "digg_count", "share_count", "collect_count", "comment_count"),
    *("play_count", "video_duration", "profile_id", "profile_username", "profile_followers"),
]
YT_DLP = [
    "id",
    "title",
    "uploader",
    "uploader_id",
    "channel",
    "channel_follower_count",
    "view_count",
    "like_count",
    "timestamp",
]
REQUIRED = ["account_id", "followers", "following", "likes", "videos_count"]

DIALECT_HEADERS = {
    "public_csv": PUBLIC,
    "spreadsheet_csv": SPREADSHEET,
    "vendor_export": VENDOR,
    "research_api": RESEARCH_API,
    "research_set": RESEARCH_SET,
    "tiktok_api": USER_DETAIL,
    "apify_items": APIFY_ITEMS,
    "apify_profiles": APIFY_PROFILES,
    "activity_csv": ACTIVITY,
    "tracker": TRACKER,
    "research_api_videos": RESEARCH_VIDEOS,
    "vendor_posts": VENDOR_POSTS,
    "yt_dlp": YT_DLP,
}
"""One header for each shipped dialect."""
